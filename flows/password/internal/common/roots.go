package common

import "strings"

// The roots are written down from general knowledge of what people choose: plain
// words, names, places, teams, feelings and the words of sign-in pages themselves.
// No list of anybody's leaked passwords went into them.

// top are the words that lists of frequent passwords are made of, in many languages'
// habits. They get every ending, every year, and one another.
var top = strings.Fields(`
password passwort passw0rd passwd pass admin administrator root user guest test login welcome
letmein changeme secret default temp access master qwerty qwertz azerty asdf zxcvbn abc iloveyou
love monkey dragon sunshine princess football baseball superman batman shadow hello freedom
whatever trustno ninja charlie jordan michael jennifer summer winter spring autumn computer
internet google samsung company office secure system server manager service support`)

// words get the usual numbers after them, and are doubled.
var words = strings.Fields(`
january february march april june july august september october november december
monday tuesday wednesday thursday friday saturday sunday weekend holiday christmas easter
birthday today tomorrow forever family friends mother father brother sister daughter
husband wife baby honey sweetheart angel darling lover beautiful handsome lovely lucky happy
smile heart flower rose daisy lily jasmine violet orange banana apple cherry strawberry
chocolate cookie coffee pepper ginger vanilla cheese pizza burger butter sugar
tiger lion eagle falcon panther wolf bear horse rabbit kitten puppy snoopy buddy bailey
maggie rocky max bella daisy coco simba tigger garfield mickey donald minnie pikachu pokemon
naruto goku spiderman ironman hulk captain avengers starwars skywalker vader yoda matrix
gandalf frodo hogwarts potter merlin phoenix wizard magic fantasy legend knight warrior
hunter killer soldier sniper ranger marine army navy police pirate cowboy rebel gangster
andrew anthony daniel david george james jason joseph joshua justin kevin mark martin matthew
nicholas patrick paul peter richard robert ryan samuel stefan steven thomas victor william
alexander alexandra amanda andrea angela anna ashley barbara carolina catherine christina
claudia diana elizabeth emily hannah helena isabella jessica julia karen laura linda lisa
maria martina melissa michelle monica natalie nicole olivia patricia rachel rebecca samantha
sandra sarah sophie stephanie susan teresa vanessa veronica victoria
london paris berlin madrid lisbon vienna dublin boston chicago dallas denver houston
newyork california florida texas canada america england scotland ireland germany france
espana italia portugal brasil mexico argentina colombia australia india china japan turkey
russia poland nederland sverige norge danmark suomi osterreich schweiz europe africa
arsenal chelsea liverpool everton barcelona realmadrid juventus bayern benfica celtic rangers
manchester tottenham yankees lakers cowboys steelers packers eagles patriots broncos soccer
futbol hockey basketball tennis cricket rugby golf fishing hunting running racing skating
ferrari porsche mercedes toyota honda yamaha harley mustang corvette camaro jaguar
metallica nirvana slipknot eminem beatles madonna rammstein guitar piano drummer music
diamond silver golden platinum purple yellow green black white crystal rainbow
thunder lightning storm ocean mountain river island desert forest heaven
killer monster demon devil ghost zombie vampire cyber hacker matrix phantom genius
windows apple iphone android laptop desktop keyboard monitor network wireless router
database oracle cisco linux ubuntu debian docker github amazon facebook instagram twitter
youtube netflix microsoft outlook skype zoom minecraft fortnite roblox playstation nintendo
payroll finance account invoice business enterprise production staging developer student
teacher school college university hospital doctor nurse lawyer engineer
jesus christ church blessed faith believe angel peace freedom justice victory
hallo bonjour bonsoir soleil chouchou doudou loulou azertyuiop motdepasse schatz liebling
sommer fruehling herbst hallohallo passwoerter geheim sonnenschein schalke
teamo tequiero contrasena amorcito princesa estrella corazon bonita hermosa mariposa
senha amizade saudade ciao amore juventus forzaitalia parola haslo kochanie polska
wachtwoord welkom zomer lente losenord hemlig sommar salasana kesakuu parool slaptazodis
sifre galatasaray fenerbahce besiktas privet parol lubov zvezda spartak`)

// phrases are what people reach for when a password must be long. They are written
// together in the list, as Check compares them.
var phrases = strings.Split(`
i love you forever, i love you so much, i love you very much, i love you more than anything, i love my family,
i love my mother, i love my wife, i love my husband, i love my daughter, i love my dog, i love my cat,
i love you baby, i love you too, i love chocolate, i love football, i love pizza, i love jesus, i hate you,
i hate passwords, i hate this password, i hate this job, i hate my job, i hate mondays, i miss you so much,
i am the best, i am the king, i am the boss, i am batman, i am iron man, i am groot, i am your father,
i am who i am, i am not a robot, i dont know, i dont care, i dont remember, i dont know my password,
i forgot my password, i forgot it again, i want to sign in, i need a password, i need a new password,
this is my password, this is my new password, this is a password, this is a long password,
this is a secure password, this is a strong password, this is a good password, this is a secret,
this is not my password, this is not a password, this is the password, my password is password,
my password is secret, my password is strong, my password is long, my new password, my secret password,
my long password, my strong password, my secure password, my super secret password, my first password,
my work password, my very long password, the password is password, the password, a very long password,
a very secure password, a really long password, a strong password, very long password, very strong password,
very secure password, very secret password, super secret password, super secure password, super strong password,
really long password, extra long password, long password, long enough password, long enough now,
is this long enough, is this long enough now, is it long enough, fifteen characters, fifteen characters long,
at least fifteen characters, at least fifteen, twelve characters, eight characters, sixteen characters,
minimum fifteen characters, strong password, secure password, secret password, new password, old password,
good password, best password, simple password, easy password, default password, temporary password,
temp password, admin password, master password, user password, root password, office password, company password,
work password, test password, password test, testing testing, testing one two three, test test test,
one two three four, one two three four five, one two three four five six, change me now, change me please,
please change me, please change this password, change this password, change my password, let me in,
let me in please, let me in now, please let me in, please let me go, open sesame, open the door,
open the door please, welcome home, welcome back, welcome to the jungle, welcome to my world, hello world,
hello hello hello, hello my friend, hello my name is, hello there general kenobi, hello kitty, good morning,
good morning sunshine, good night, goodbye world, have a nice day, have a good day, happy birthday,
happy birthday to you, happy new year, merry christmas, merry christmas and a happy new year,
thank you very much, thank you so much, no password, no password needed, not my password, not a password,
nobody knows, nobody will guess this, nobody will ever guess, you will never guess, you will never guess this,
you will never know, you cant guess this, guess my password, guess what this is, who are you, who am i,
what is my password, what is the password, what is your name, what the hell, whats my password, whats up doc,
where is my password, never forget, never give up, never gonna give you up, never say never, dont forget this,
dont forget me, dont forget the password, dont worry be happy, hakuna matata, keep calm and carry on,
keep it simple, keep it secret, keep it secret keep it safe, live love laugh, live laugh love,
love is all you need, all you need is love, love you forever, love you to the moon and back,
to the moon and back, to infinity and beyond, to be or not to be, to be or not to be that is the question,
may the force be with you, may the force, use the force luke, luke i am your father, winter is coming,
you know nothing, you know nothing jon snow, a long time ago, a long time ago in a galaxy far far away,
once upon a time, happily ever after, in god we trust, in god i trust, god is love, god is good, god is great,
god bless you, god bless america, jesus is lord, jesus loves me, jesus loves you, jesus is my saviour,
jesus saves, the lord is my shepherd, our father who art in heaven, hail mary full of grace, praise the lord,
thank you jesus, trust in god, trust no one, carpe diem, veni vidi vici, cogito ergo sum, lorem ipsum,
lorem ipsum dolor sit amet, memento mori, the quick brown fox, the quick brown fox jumps over the lazy dog,
quick brown fox, correct horse battery staple, correct horse battery, horse battery staple,
mary had a little lamb, twinkle twinkle little star, row row row your boat, humpty dumpty,
the answer is forty two, the answer to life, the end is near, the beatles, the simpsons, the walking dead,
the lord of the rings, lord of the rings, game of thrones, harry potter, star wars, star trek, super mario,
super mario bros, sonic the hedgehog, call of duty, call of duty black ops, league of legends, world of warcraft,
grand theft auto, counter strike, assassins creed, resident evil, final fantasy, legend of zelda,
manchester united, manchester city, real madrid, atletico madrid, fc barcelona, visca barca, forza juventus,
forza milan, inter milan, bayern muenchen, borussia dortmund, paris saint germain, olympique de marseille,
you will never walk alone, youll never walk alone, go team go, los angeles lakers, chicago bulls, dallas cowboys,
new york yankees, boston red sox, new york city, new york new york, los angeles, san francisco, united states,
united states of america, united kingdom, great britain, god save the queen, god save the king, viva la vida,
viva espana, viva mexico, te quiero mucho, te amo mucho, te amo mi amor, mi amor eterno, mi contrasena,
la vida es bella, la vie est belle, je t aime, je t aime mon amour, mon mot de passe, mot de passe,
ich liebe dich, ich liebe dich so sehr, mein passwort, das ist mein passwort, ich bin der beste,
ich habe es vergessen, ti amo tanto, la mia password, eu te amo, minha senha, ik hou van jou, mijn wachtwoord,
rock and roll, sex drugs and rock and roll, stairway to heaven, highway to hell, nothing else matters,
smells like teen spirit, bohemian rhapsody, let it be, let it go, hotel california, sweet child of mine,
dancing queen, rage against the machine, black sabbath, iron maiden, pink floyd, led zeppelin,
red hot chili peppers, linkin park, green day, one direction, taylor swift, michael jackson, bob marley,
justin bieber, peanut butter, peanut butter and jelly, peanut butter jelly time, chocolate cake,
chocolate chip cookies, ice cream, ice cream sandwich, banana split, orange juice, coffee and cigarettes,
pepperoni pizza, golden retriever, german shepherd, black cat, white rabbit, follow the white rabbit, red dragon,
blue sky, blue eyes, blue eyes white dragon, purple rain, purple haze, yellow submarine, rainbow dash,
sunshine and rainbows, you are my sunshine, here comes the sun, summer of sixty nine, summer time,
endless summer, best friends forever, best day ever, best friend, my best friend, my little pony, my sweet heart,
my little princess, my family is everything, family first, family is everything, mom and dad, mother and father,
i am a good person, access denied, access granted, administrator password, database password, server password,
network password, super user, super admin, system administrator, help desk, human resources, customer service`, ",")

// rows are what lies side by side on keyboards and in alphabets. People walk along
// them in both directions.
var rows = strings.Fields(`
qwertyuiopasdfghjklzxcvbnm qwertzuiopasdfghjklyxcvbnm azertyuiopqsdfghjklmwxcvbn
zxcvbnmasdfghjklqwertyuiop asdfghjklqwertyuiop asdfghjklzxcvbnm
abcdefghijklmnopqrstuvwxyz aabbccddeeffgghhiijjkkllmmnnoopp
123456789012345678901234567890 123456789123456789123456789 0123456789abcdefghij
1234567890qwertyuiopasdfghjklzxcvbnm 1234567890abcdefghijklmnop qwertyuiop1234567890
1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p qazwsxedcrfvtgbyhnujmikolp
zaq1xsw2cde3vfr4bgt5nhy6mju7 1q2w3e4r5t6y7u8i9o0p q1w2e3r4t5y6u7i8o9p0
1a2b3c4d5e6f7g8h9i0j a1b2c3d4e5f6g7h8i9j0 qawsedrftgyhujikolp
qqwweerrttyyuuiioopp qweasdzxcrtyfghvbn qweasdzxc123456789 asdqwezxc
112233445566778899 147258369147258369 789456123789456123 741852963741852963
13579246801357924680 24681012141618202224 31415926535897932384626433
159357258456 159753456852 102030405060708090 123321123321123321 12344321123443211234
12345543211234554321 010203040506070809 111222333444555666777888999 000111222333444555
123qweasdzxc123qweasdzxc 123abc456def789ghi abc123def456ghi789 qwe123asd456zxc789
1234qwerasdfzxcv1234 qwerasdfzxcv1234qwer aaaabbbbccccddddeeee abcabcdabcde
qwert12345asdfg67890 asdf1234asdf1234 qwer1234asdf5678 abcd1234efgh5678 pass1234word5678`)
